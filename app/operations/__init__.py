"""Operating a site: the operators' use cases, the sweeps of upkeep, and the measurements that both need."""
