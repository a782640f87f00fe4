"""Operating a site: the use cases of operators, the sweeps of upkeep, and the measurements that both need."""
