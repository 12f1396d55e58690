"""Lines that would leave a mark in a folder, against the shells themselves.

Lines are put together from what shells read differently or follow in ways of their own. Whatever
is called read-only is run by bash, dash and busybox, and must leave no mark.
"""

import shutil
import subprocess
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from sme_tools.safety.policy.judge import judge
from sme_tools.safety.policy.verdict import Verdict

SHELLS = [
    shell
    for shell in (["bash", "-c"], ["dash", "-c"], ["busybox", "sh", "-c"])
    if shutil.which(shell[0])
]
HARM = ("touch m", "touch m m2", "echo x >m", ">m", "touch ]]", "tee m")
TEXT = ("a[$(touch m)]", "x; touch m", "touch m", 'BEGIN{system("touch m")}', "-o m", "w m")
"""What does harm once it is evaluated, run, or taken for an option."""
BEFORE = (
    "", "v='{t}'; ", "v=1; ", "v=1; v='{t}'; ", "touch=1; m=1; a=1; ", "set -- '{t}'; ",
    "set -- ls '{t}'; shift; ", "read v <<E\n{t}\nE\n", "_=1; : '{t}'; ", "f() {{ v='{t}'; }}; f; ",
    "v=$(echo '{t}'); ", "true || ", "! ", "false || ", "cd /nowhere; ", "read() {{ {h}; }}; ",
    "v=1; r=read; $r v <<E\n{t}\nE\n", "for v in 1 '{t}'; do :; done; ", "v=-o; w=m; ",
    "ls() {{ {h}; }}; ", "v=1; $'\\x72ead' v <<E\n{t}\nE\n", "wc() {{ echo '{t}'; }}; ",
)  # fmt: skip
"""What a statement finds when its turn comes. `{t}` and `{h}` are filled in."""
STATEMENTS = (
    "echo $((v))", "echo $(($v))", "((v))", "((touch))", "echo $[1 | touch m]", "[[ v -eq 1 ]]",
    "[[ a && {h} ]]", "[[ a || {h} = x ]]", "[[ -f a || ! -f b && {h} ]]", "[[ {h} ]]",
    "[ $v 'a[$(touch m)]' ]", "[ \"$v\" -eq 1 ]", "test -v 'a[$(touch m)]'", "$v", "\"$v\"", "$1",
    "echo \"$v\" \"$1\"", "$@", "awk \"$*\" </dev/null", "sort $v </dev/null", "sort $@ </dev/null",
    "sort $v$w </dev/null", "awk \"$v\" </dev/null", "eval \"$v\"", "sh -c \"$v\"",
    "sh -c 'echo $1; shift; $1' x ls '{t}'", "declare -i w='{t}'", "declare -a w='($({h}))'",
    "local w=$v", "export LC_ALL=$v", "printf -v '{t}' 1", "let \"{t}\"", "echo ${{v:-$({h})}}",
    "echo ${{v@P}}", "echo ${{!v}}", "echo ${{w[$v]}}", "w[$v]=1", "echo ${{v:$v:1}}", "echo `{h}`",
    "echo \"$({h})\"", "cat <({h})", "echo x > >({h})", "cat <<E\n$({h})\nE",
    "cat <<'E'\n$({h})\nE",
    "echo $'\\'; {h} #'", "echo $'a'; #'", "echo '\\'; {h} #'", "echo \"\\\\\"; echo '{t}' # {h}",
    "echo {{x,'{t}'}}", "sh -c {{ls,\\;touch\\ m}}", "sed {{p,w/m}} </dev/null", "echo '{t}' | sh",
    "echo '{t}' | xargs echo", "echo '{t}' | xargs sh -c", "xargs -0 awk <<E\n{t}\nE",
    "$(which nosuch) {h}", "$(command -v nosuch) touch m", "w=$(which nosuch); $w touch m",
    "case x in x) ls ;& y) {h} ;; esac", "case $v in *) ls;; esac", "{{ ls; }} 2>&1", "ls &>m",
    "ls >&m", "ls |& cat", "ls <<< '{t}'", "time ls", "coproc {h}", "if ls; then :; else {h}; fi",
    "until ls; do {h}; done", "trap '{h}' EXIT", "exec ls", "jobs -x {h}", "hash -p m ls",
    "ls && ! {h}", "( ls; {h} )", "ls # {h}", "ls\\\n; {h}", "for ((w=v; w<1; w++)); do ls; done",
    "echo $(($(wc -l </dev/null)))", "v=$((v)) ls", "PATH=. ls", "IFS=x read v </dev/null",
    "ls \"${{v}}\"", "ls -d -- $v", "echo x{{1..3}}", "ls /dev/null",
    "function g {{ ls; {h}; }}; g",
)  # fmt: skip

lines = st.builds(
    lambda before, statement, harm, text: (
        "".join(before).format(h=harm, t=text) + statement.format(h=harm, t=text)
    ),
    st.lists(st.sampled_from(BEFORE), min_size=0, max_size=2),
    st.sampled_from(STATEMENTS),
    st.sampled_from(HARM),
    st.sampled_from(TEXT),
)


def leaves_a_mark(line):
    """Whether some shell makes a file of this line, in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        for shell in SHELLS:
            subprocess.run(
                [*shell, line, "sh"],
                cwd=folder,
                env={"PATH": "/usr/bin:/bin", "HOME": folder},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=20,
                check=False,
            )
        return any(Path(folder).iterdir())


@settings(max_examples=600, deadline=None, derandomize=True)
@given(lines)
def test_what_is_called_read_only_leaves_no_mark_in_any_shell(line):
    if judge(line).verdict is Verdict.READ_ONLY:
        assert not leaves_a_mark(line), line


def test_each_statement_by_itself_leaves_no_mark_if_it_is_called_read_only():
    alone = {statement.format(h=HARM[0], t=text) for statement in STATEMENTS for text in TEXT}
    reads = sorted(line for line in alone if judge(line).verdict is Verdict.READ_ONLY)
    assert reads
    assert not [line for line in reads if leaves_a_mark(line)]


def test_these_lines_can_leave_a_mark():
    """What is run above could fail."""
    made = [line for line in STATEMENTS if leaves_a_mark(line.format(h=HARM[0], t=TEXT[2]))]
    assert len(made) >= len(STATEMENTS) // 4
