"""How fast the engine is, beside its peers: every engine in its own process, on one core, in interleaved rounds.

    python -m benchmarks                        everything below
    python -m benchmarks steps                  training steps of the two-layer net
    python -m benchmarks compile                the same, the whole step compiled
    python -m benchmarks chains                 cost per op of long chains, and of reading x[i] in a loop
    python -m benchmarks import                 import time
    python -m benchmarks table results.json     the ratios of a results file, as Markdown

Absolute times are one machine's on one day; what is kept and compared is the ratio of two engines in the same round.

    nets.py      what is trained          worker.py   the process that measures
    engines.py   the same in each library driver.py   the processes side by side
    suites.py    which cases              report.py   medians, ratios, tables
    machine.py   the machine in words     results/    runs worth keeping
"""
