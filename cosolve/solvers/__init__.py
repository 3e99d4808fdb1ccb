"""One adapter per backend or own algorithm; importing this fills the registry with names only."""

from cosolve.core.solver import solvers

for _name, _target in (
    ("auto", "auto:Auto"),
    ("greedy", "greedy:Greedy"),
    ("local-search", "local_search:LocalSearch"),
    ("held-karp", "held_karp:HeldKarp"),
    ("lagrangian", "lagrangian:Lagrangian"),
    ("labelling", "labelling:Labelling"),
    ("beam", "beam:Beam"),
    ("trees", "trees:Trees"),
    ("cpsat", "cpsat:CpSat"),
    ("rr", "rr:RuinRecreate"),
    ("routing", "routing:Routing"),
    ("pyvrp", "pyvrp:PyVRP"),
    ("highs", "highs:Highs"),
    ("scip", "scip:Scip"),
    ("pulp", "pulp:Pulp"),
    ("networkx", "networkx:NetworkX"),
    ("cart", "cart:Cart"),
    ("hgs", "hgs:HGS"),
    ("kamis", "kamis:KaMIS"),
    ("lkh", "lkh:LKH"),
    ("streed", "streed:Streed"),
    ("decost", "decost:Decost"),
    ("decost+", "decost:DecostPlus"),
    ("ctc", "reduction.solver:Ctc"),
    ("ps", "reduction.solver:Ps"),
    ("rows", "reduction.solver:Rows"),
    ("random-rows", "reduction.solver:RandomRows"),
    ("oracle-rows", "reduction.solver:OracleRows"),
    ("rrnco", "rrnco:Rrnco"),
    ("rrnco+", "rrnco:RrncoPlus"),
):
    solvers.register(_name, f"cosolve.solvers.{_target}")
