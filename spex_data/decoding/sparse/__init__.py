"""Which few atoms make up a set function, as a posterior over sets of atoms."""
