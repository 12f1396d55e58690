"""What is known of command lines: wrappers, pagers, synonyms, options that take a value."""

from __future__ import annotations

WRAPPERS = {
    "sudo": "ugCDhpRTU",
    "doas": "uC",
    "env": "uC",
    "timeout": "ks",
    "nice": "n",
    "ionice": "cnp",
    "stdbuf": "ioe",
    "watch": "n",
    "nohup": "",
    "time": "",
    "command": "",
    "busybox": "",
    "exec": "",
}
"""Programs that run the command behind them, with their options that take a value."""

READERS = ("cat", "less", "more", "head", "tail", "zcat", "zless", "bat", "view", "type")
SEARCHERS = ("grep", "egrep", "fgrep", "zgrep")
QUIET = ("cd", "export", "set", "echo", "printf", "true", ":", "source", ".")

SYNONYMS = {
    "oc": "kubectl",
    "microk8s.kubectl": "kubectl",
    "ip6tables": "iptables",
    "ip6tables-save": "iptables-save",
    "ping6": "ping",
    "pvdisplay": "pvs",
    "drill": "dig",
    "kdig": "dig",
    "wget": "curl",
}

_FREE = (
    "blkid chage crm_mon df dig dmesg du ethtool findmnt free ifconfig iostat iptables journalctl "
    "lsblk lvs mdadm mount mpstat multipath netstat ntpq nvidia-smi ping ps pvs route "
    "smartctl ss swapinfo swapon top uptime vgs vmstat w nslookup host"
)
FREE_ARGUMENTS = frozenset(_FREE.split())
"""Programs whose words without a dash are files, hosts, names or counts, not verbs."""

VALUED = ("-o", "--output", "-f", "--format", "--formatter", "-t", "--table")
"""Options whose value decides what is printed."""

OPTION_NAMES = {
    "--detail": "-D",
    "--examine": "-E",
    "--list-gpus": "-L",
    "--dmesg": "-k",
    "--output": "-o",
    "--format": "-f",
    "--all": "-a",
    "--table": "-t",
    "--list": "-L",
    "--numeric": "-n",
}

_RESOURCES = {
    "pods": "po pod pods",
    "nodes": "no node nodes",
    "events": "ev event events",
    "deployments": "deploy deployment deployments deployment.apps deployments.apps",
    "statefulsets": "sts statefulset statefulsets statefulset.apps statefulsets.apps",
    "daemonsets": "ds daemonset daemonsets daemonset.apps daemonsets.apps",
    "replicasets": "rs replicaset replicasets replicaset.apps replicasets.apps",
    "jobs": "job jobs job.batch jobs.batch",
    "pvc": "pvc persistentvolumeclaim persistentvolumeclaims",
}
RESOURCE = {alias: name for name, aliases in _RESOURCES.items() for alias in aliases.split()}

VALUED_BY_PROGRAM = {
    "kubectl": "-n --namespace --context --kubeconfig -l --selector -o --output -c --container "
    "--sort-by --field-selector --tail --since --request-timeout -s --server --user --cluster",
    "docker": "-H --host --context -c -f --filter --format -n --last --log-level --tail --since",
    "podman": "--url -f --filter --format -n --last --log-level --tail --since",
    "ceph": "-f --format --cluster -c --conf -n --name --id -k --keyring -m",
    "rabbitmqctl": "-n --node --formatter -t --timeout -p --vhost",
    "redis-cli": "-h -p -a -n -u -s --user --pass",
    "systemctl": "-H --host -M --machine -t --type --state -o --output -n --lines -p --property",
    "ip": "-n -netns --netns -f -family",
    "zpool": "-T -o -c",
    "zfs": "-o -t -s -S -d",
    "pcs": "-f -u -p",
    "curl": "-H -d -X -u -o -m --max-time --connect-timeout --header --data --cacert --cert --key",
    "sysctl": "-p -r",
    "supervisorctl": "-c -s -u -p",
    "timedatectl": "-H -M -p",
    "firewall-cmd": "--zone",
    "certbot": "--config-dir --work-dir --logs-dir -d --cert-name",
    "pg_isready": "-h -p -U -d -t",
    "chronyc": "-h -p",
    "openssl": "-in -inform -nameopt -dateopt -CAfile",
}
"""Options of programs with verbs that are followed by a value, which is then no verb."""
