"""Exact and near duplicates, by hashes and by registered neighbours."""
