"""Studies: many trainings on shared divisions of one data set, and what they show together."""
