"""How fast a net runs on each backend, beside each other on one machine.

Each backend runs in a process of its own. They take turns in rounds, in another order
each time, so that what the machine does meanwhile meets all of them; what is compared
is the ratio of two backends' times in the same round.
"""
