"""Stand-ins for modules of other projects: their names and semantics over fastnn's kernels."""
