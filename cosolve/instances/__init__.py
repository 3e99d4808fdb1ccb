"""Instances, solutions and judges of every problem; importing this fills the registries with names only."""

from cosolve.core.problem import examples, problems
from cosolve.instances.formats.base import formats, solution_formats

for _key, _module, _attribute in (
    ("tsp", "tsp", "TSP"),
    ("atsp", "tsp", "ATSP"),
    ("cvrp", "cvrp", "CVRP"),
    ("acvrp", "cvrp", "ACVRP"),
    ("vrptw", "vrptw", "VRPTW"),
    ("acvrptw", "vrptw", "ACVRPTW"),
    ("mis", "graphs", "MIS"),
    ("mds", "graphs", "MDS"),
    ("cflp", "cflp", "CFLP"),
    ("cpmp", "cpmp", "CPMP"),
    ("fjsp", "fjsp", "FJSP"),
    ("stp", "stp", "STP"),
    ("milp", "milp", "MILP"),
    ("optw", "orienteering", "OPTW"),
    ("optwvp", "orienteering", "OPTWVP"),
    ("regtree", "regtree", "REGTREE"),
):
    problems.register(_key, f"cosolve.instances.{_module}:{_attribute}")
    examples.register(_key, "cosolve.instances.tiny:examples")

# Order matters where content fits several formats equally and no suffix decides: it is the order of listing only.
for _name, _target in (
    ("tsplib", "tsplib:TSPLIB"),
    ("vrplib", "vrplib:VRPLIB"),
    ("solomon", "solomon:SOLOMON"),
    ("dimacs", "graphs:DIMACS"),
    ("metis", "graphs:METIS"),
    ("pace", "graphs:PACE"),
    ("matrix-market", "graphs:MATRIX_MARKET"),
    ("edge-list", "graphs:EDGE_LIST"),
    ("cflp-orlib", "cflp:ORLIB"),
    ("cflp-holmberg", "cflp:HOLMBERG"),
    ("cflp-avella", "cflp:AVELLA"),
    ("cpmp-orlib", "cpmp:ORLIB"),
    ("cpmp-lorena", "cpmp:LORENA"),
    ("cpmp-matrix", "cpmp:MATRIX"),
    ("fjs", "fjsp:FJS"),
    ("jsplib", "fjsp:JSPLIB"),
    ("steinlib", "steinlib:STEINLIB"),
    ("toptw", "orienteering:TOPTW"),
    ("orienteering-json", "orienteering:ORIENTEERING_JSON"),
    ("orienteering-npz", "orienteering:ORIENTEERING_NPZ"),
    ("npz", "npz:NPZ"),
    ("csv", "csv_table:CSV"),
    ("mps", "mps:MPS"),
    ("lp", "lp:LP"),
):
    formats.register(_name, f"cosolve.instances.formats.{_target}")

for _name, _target in (
    ("tour", "tsplib:TOUR"),
    ("routes", "vrplib:ROUTES"),
    ("node-set", "graphs:NODE_SET"),
    ("cflp-solution", "cflp:SOLUTION"),
    ("cpmp-solution", "cpmp:SOLUTION"),
    ("schedule", "fjsp:SCHEDULE"),
    ("stp-solution", "steinlib:SOLUTION"),
    ("milp-solution", "milp_solution:SOLUTION"),
    ("json", "json_solution:JSON"),
):
    solution_formats.register(_name, f"cosolve.instances.formats.{_target}")
