"""The portal: the trial's pages for the people in it, live, and nothing that a role may not see."""
