"""Shell around a line: whatever is true of the line has to be seen through it."""

import shlex

WRAPPINGS = (
    "{}", " {} ", "({})", "{{ {}; }}", "! {}", "time {}", "{} &", "{} 2>&1", "{} >/dev/null 2>&1",
    "true; {}", "true && {}", "false || {}", "ls | {}", "{} | cat", "ls\n{}", "# note\n{}",
    "if true; then {}; fi", "if {}; then ls; fi", "while {}; do break; done",
    "for i in 1; do {}; done", "for ((i=0;i<1;i++)); do {}; done", "case x in x) {};; esac",
    "f() {{ {}; }}; f", "until {}; do ls; done", "coproc {}",
    "echo $({})", 'echo "$({})"', "cat <({})", "X=$({})", "ls ${{X:-$({})}}",
    "[[ -n $({}) ]]", "cat <<E\n$({})\nE", "cat <<< $({})", "echo $(( $({}) ))", "tee >({})",
    "echo \\\n; {}", "ls ${{IFS}}; {}",
)  # fmt: skip
"""Wrappings that take any statements."""
BEFORE = (
    "echo `{}`",
    "sudo {}", "sudo -n -u root {}", "env {}", "env A=1 {}", "nohup {} &", "nice -n 5 {}",
    "timeout 5 {}", "setsid {}", "stdbuf -oL {}", "command {}", "exec {}", "builtin {}",
    "busybox {}", "ionice -c3 {}", "A=1 {}", "LC_ALL=C {}", "unknown-wrapper {}",
    "find /tmp -name x -exec {} \\;", "xargs {}", "ssh host {}", "docker exec box {}",
    "kubectl exec pod -- {}", "pct exec 101 -- {}", "chroot /mnt {}", "watch {}", "flock /tmp/l {}",
)  # fmt: skip
"""Wrappings that take one command with its words."""
QUOTING = (
    "sh -c {}", "bash -lc {}", "eval {}", "bash <<< {}", "echo {} | sh", "printf %s {} | bash",
    "ssh host {}", "su -c {}", "X={}; eval \"$X\"", "X={}; sh -c \"$X\"", "trap {} EXIT",
    "docker exec box sh -c {}", "sudo sh -c {}", "env sh -c {}", "xargs sh -c {}",
    "find /tmp -exec sh -c {} \\;", "watch {}", "timeout 3 bash -c {}", "dash -c {}",
    "busybox sh -c {}", "python3 -c \"import os; os.system({})\"",
)  # fmt: skip
"""Wrappings that take the line as one quoted word."""


AS_A_WORD = "X={}; $X"
"""It takes the words of one command, but reads no syntax."""


def wrapped(line, wrapping):
    """The line within one of these wrappings."""
    quoted = wrapping in (*QUOTING, AS_A_WORD)
    return wrapping.format(shlex.quote(line) if quoted else line)
