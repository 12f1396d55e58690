"""Changes to a host as transactions: pre-state, command, verification, undo.

plan.py         what is to be done, and how it is seen that it worked
outcome.py      how a change ended, and which state the host is in then
journal.py      the record of a change, written before and after everything that is done
ports.py        what a transaction needs from outside: hands, eyes, a clock
transaction.py  carries a plan out on one host, one step at a time
verification.py observes anew until it held for long enough
undoing.py      takes steps back, and says what still differs
remote_run.py   a command on the host that outlives the connection, and is begun at most once
kept_files.py   files as they were, and their exact restoration
host_lock.py    keeps two changes on one host apart
errands.py      asks the host again when the connection broke
hands.py        the hands and eyes over a transport
rollout.py      several hosts: a canary, then batches
"""
