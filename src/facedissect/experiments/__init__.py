"""Controlled experiments on embedded faces, where the truth is known (docs/science.md).

planted_faces (faces in which a concept is tied to a target), planted_network (what is trained with them), planted_measures (what
is measured of it), planted_runs (one network from the training to its rows), planted_bias (all of them, and what follows).
"""
