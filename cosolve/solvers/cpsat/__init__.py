"""Solver "cpsat": OR-Tools CP-SAT, one model per problem in a module of its own."""
