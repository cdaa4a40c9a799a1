"""The whole system on one machine: started as processes, fed with realistic data, counted and judged."""
