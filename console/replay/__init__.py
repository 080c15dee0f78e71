"""Playing an archived campaign again: one party is the real agent, the others speak from the record.

Everything happens on embedded servers on the loopback interface, in a folder made for it.
"""
