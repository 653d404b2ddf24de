"""Jobs whose number of pods changes while they run: their sizes, who gets how many, the changes."""
