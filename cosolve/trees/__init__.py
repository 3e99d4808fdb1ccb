"""Optimal regression trees: kernels, two exact searches and a scikit-learn estimator."""
