"""A machine that makes nets: random networks, explained and compared with independent references.

    make fuzz N=10000             many nets, in child processes; a table of what came out
    make fuzz ARGS="4711"         one net: what it is, what is asked, what comes
    make fuzz ARGS="4711 --smallest"   and the smallest net that shows the same fault

`nets` and `pieces` choose; `recipe`, `spelling` and `handed` write a net down; `truth` and
`targets` are the reference; `questions` ask, and `judge` says what came of it.
"""
