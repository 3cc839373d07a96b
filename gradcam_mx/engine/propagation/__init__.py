"""Relevance: backward passes that share a score out instead of differentiating it.

`composites` says which rule stands at which operator of a graph, `layer_rules` what the rules do at
linear layers, `operators` what happens at all others; `merging`, `gates` and `signs` find out of a
graph what they need to know. `deep_lift` compares two runs. `ledger` keeps the accounts.
"""
