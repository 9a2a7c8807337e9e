"""Ground: files, state, seeds, checks of parameters, and what a call sets up for itself."""
