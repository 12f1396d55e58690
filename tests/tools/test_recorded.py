"""Recorded outputs, named by the commands that people write: which probe reads them."""

import pytest

from sme_tools.errors import ProbeError, UnknownProbe
from sme_tools.probes.registry import probes_that_read
from sme_tools.recorded import facts_of_output

MDSTAT = "Personalities : [raid1]\nmd0 : active raid1 sdb1[1] sda1[0]\n      9 blocks [2/2] [UU]\n"


def readers(command):
    return [probe.id for probe in probes_that_read(command)]


@pytest.mark.parametrize(
    ("command", "probe"),
    [
        ("sudo -n /usr/bin/df -Pk -x tmpfs /var", "storage.filesystems"),
        ("LC_ALL=C timeout 5 df -h | grep sda", "storage.filesystems"),
        ("timeout -k 1 5 sh -c 'df -P; df -i'", "storage.filesystems"),
        ("mdadm -D /dev/md127 2>/dev/null", "storage.md_details"),
        ("mdadm /dev/sda1 --examine", "storage.md_members"),
        ("smartctl -d sat --json=c -a /dev/sda", "storage.smart"),
        ("zpool status -T d -v tank", "storage.zfs_pools"),
        ("docker -H tcp://10.0.0.4 container ls -a", "containers.docker"),
        ("docker exec -it llm nvidia-smi", "gpu.devices"),
        ("kubectl -n shop describe pod/web-1", "kubernetes.pod_details"),
        ("oc get po -n shop", "kubernetes.pods"),
        ("k3s kubectl get no -o wide", "kubernetes.nodes"),
        ("ceph --cluster backup -f json osd tree", "cluster.ceph_osds"),
        ("rabbitmqctl -n rabbit@a cluster_status", "database.rabbitmq_cluster"),
        ("redis-cli -h 10.0.0.7 -a secret INFO memory", "database.redis"),
        ("wget -qO- http://10.0.0.3:11434/api/ps", "gpu.ollama"),
        ("openssl x509 -in /etc/ssl/site.pem -noout -dates", "certificates.files"),
        ("openssl x509 -enddate (all certs)", "certificates.files"),
        ("ip -s -s link show dev eth0", "network.interfaces"),
        ("journalctl -p err -o json --since today", "logs.journal"),
        ("journalctl -u nginx --since today", "logs.text"),
        ("dmesg -T --level=err,warn | tail -n 50", "logs.kernel_events"),
        ("tail -n 200 /var/log/nginx/error.log", "logs.text"),
        ("nginx error.log", "logs.text"),
        ("cat /var/log/mysql/error.log", "database.logs"),
        ("zcat sosreport-web/var/log/dmesg.old.gz", "logs.kernel_events"),
        ("cat sosreport-web/proc/mdstat", "storage.md_arrays"),
        ("less /proc/net/bonding/bond7", "network.bonds"),
        ("ceph_osd_tree", "cluster.ceph_osds"),
    ],
)
def test_a_command_finds_its_probe_however_it_is_written(command, probe):
    assert probe in readers(command)


@pytest.mark.parametrize(
    "command",
    [
        "systemctl list-sockets",
        "kubectl get configmaps",
        "docker images",
        "ip neigh",
        "cat /etc/hosts",
        "git log",
        "ansible-playbook site.yml",
        "",
    ],
)
def test_no_probe_misreads_what_none_covers(command):
    assert readers(command) == []
    with pytest.raises(UnknownProbe):
        facts_of_output(command, "NAME  AGE\n")


def test_kernel_and_programs_of_one_log_are_read_by_their_own_probes():
    assert readers("cat /var/log/messages") == ["logs.kernel_events", "logs.text"]


def test_a_like_command_is_asked_where_the_nearest_cannot_read_the_output():
    facts = facts_of_output("netstat -l", "Active Internet connections (only servers)\n")
    assert [run.id for run in facts.probes] == ["network.listeners"]


def test_output_that_no_probe_can_read_is_refused():
    with pytest.raises(ProbeError):
        facts_of_output("cat /proc/mdstat", "\x00")


@pytest.mark.parametrize(
    "said",
    [
        "bash: line 1: mdadm: command not found",
        "sh: 1: mdadm: not found",
        "/bin/sh: mdadm: not found",
        "timeout: failed to run command '/sbin/mdadm': No such file or directory",
        "-bash: /usr/sbin/mdadm: No such file or directory",
    ],
)
def test_a_program_that_was_not_there_makes_its_facts_absent(said):
    facts = facts_of_output("mdadm --detail /dev/md0", f"{said}\n")
    assert [(run.id, run.status) for run in facts.probes] == [("storage.md_details", "absent")]


def test_a_probe_is_named_by_its_id_as_well():
    assert facts_of_output("storage.md_arrays", MDSTAT).get("storage.md_arrays")
