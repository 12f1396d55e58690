"""The command policy: what a shell command line may do, judged before it runs.

`judge.judge` is the door. It parses the line into a syntax tree and judges each simple command in
it, wherever it hides, by what its program and its arguments can do. The programs are described in
`programs/*.yaml`; what is described nowhere is a change.
"""
