"""Types and machinery that every problem and every solver share; knows no problem."""
