"""`sme policy check` says whom a line asks outside; a person is not asked about it."""


def test_policy_check_tells_whom_a_line_reaches(sme, own_folders):
    line = "curl -s https://a.example/x; dig web1.lan b.example"
    answer = sme("policy", "check", line, "--json")
    assert answer.json["reaches"] == ["a.example", "b.example"]
    assert answer.json["verdict"] == "read-only"
    assert "reaches a.example, b.example" in sme("policy", "check", line).out
    inside = "curl -s http://10.0.0.5:8080/health"
    assert "reaches" not in sme("policy", "check", inside, "--json").json
    assert "reaches" not in sme("policy", "check", inside).out


def test_under_a_hosts_rules_a_persons_command_runs(sme, own_folders):
    folder = own_folders / ".config/sme"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "hosts.yaml").write_text(
        "hosts: {web1: {policy: {mode: observe, known: [a.example]}}}"
    )
    answer = sme("policy", "check", "dig b.example", "--host", "web1", "--json").json
    assert (answer["decision"], answer["reaches"]) == ("run", ["b.example"])


def test_the_users_network_is_the_inventory(own_folders):
    from sme_cli import session

    folder = own_folders / ".config/sme"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "hosts.yaml").write_text("hosts: {web1.corp.example: , db: {address: 203.0.113.7}}")
    (own_folders / ".ssh").mkdir(exist_ok=True)
    (own_folders / ".ssh/config").write_text("Host git.stranger.example\n")
    own_network = session.own_network()
    assert own_network.knows("x.corp.example")
    assert own_network.knows("203.0.113.7")
    assert not own_network.knows("git.stranger.example"), "a host of ssh_config may be anybody's"
