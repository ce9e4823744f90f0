"""Many adapters over one frozen base model in one pass, each with the values that the reference gives it.

The model's own code runs unchanged, on the rows of all adapters at once; hooks add to every adapted layer
what each row's own adapter adds (`layers`). What is below the first adapted block is computed once
(`prefix`), and so are the layers of that block that no adapter comes before (`frozen`); absent examples are
never touched; and only the positions that are scored ask, in the last block, for anything (`attention`), and
go through its feed-forward part (`narrowing`) and the head (`forward`).

Deterministic: initial states and orders are drawn on the CPU from the seeds alone, the same for every device.
On a CPU the same adapters in a pass of the same size, with the same number of threads and the same build of
torch, have the same bits; in a pass of another size, other rounding. On a GPU, sums over rows (`index_add_`,
and the way back through `index_select` and attention) add in an order that is not fixed, so that bits may
differ from run to run as they do between sizes of a pass; `torch.use_deterministic_algorithms(True)`, with
CUBLAS_WORKSPACE_CONFIG=:4096:8 set beforehand, asks PyTorch for fixed orders where it has them. We set
neither, and have tried neither on a GPU.

torch.compile is left out: on a CPU it made frozen feed-forward parts 3% (the demo's) and 1% (MiniLM's)
faster, and took 11 and 6 s to do so; around the hooks it did not come to an end within minutes.
"""
