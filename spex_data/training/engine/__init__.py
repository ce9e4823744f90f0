"""Many adapters over one frozen base model in one pass, each with the values that the reference gives it.

The model's own code runs unchanged, on the rows of all adapters at once; hooks add to every adapted layer
what each row's own adapter adds (`layers`). What is below the first adapted block is computed once
(`prefix`), and so are the layers of that block that no adapter comes before (`frozen`); absent examples are
never touched; and only the positions that are scored ask, in the last block, for anything (`attention`), and
go through its feed-forward part (`narrowing`) and the head (`forward`).

torch.compile is left out: on a CPU it made frozen feed-forward parts 3% (the demo's) and 1% (MiniLM's)
faster, and took 11 and 6 s to do so; around the hooks it did not come to an end within minutes.
"""
