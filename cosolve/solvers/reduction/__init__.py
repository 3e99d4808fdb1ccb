"""Smaller models by prediction: rows made equalities and columns held near predicted values, under budgets."""
