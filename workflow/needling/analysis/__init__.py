"""Kinds of analysis and the estimators that they use: one file each."""
