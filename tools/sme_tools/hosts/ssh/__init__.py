"""The SSH transport, by paramiko, configured by the same files as the ssh program.

    transport.py     SshTransport: scripts over one connection
    connect.py       connections: sockets, ProxyJump, ProxyCommand, the handshake
    authenticate.py  which credential is offered when, and what to say if none is taken
    identities.py    keys: of the agent, from files, with certificates
    host_keys.py     is this the machine it claims to be
    trust.py         accepting a new host's key, when told to
    certificates.py  host certificates and the authorities that sign them
    known_hosts.py   the known_hosts file format
    config.py        what `ssh -G` says about a destination
    names.py         which names ssh_config knows
    patterns.py      its host patterns

Importing this package imports none of them: paramiko takes a quarter of a second.
"""
