"""Where it runs: devices, threads, processes, interrupts."""
