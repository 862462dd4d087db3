"""BoTorch's side of `benchmarks.peers.botorch`, in an environment of its own; imports nothing of
this project.

It is asked as `Answered` says, but for `candidates` in the place of `sizes` where they can be
written down.
"""

from __future__ import annotations


def answer(asked: dict) -> list[int]:
    """The next point: log expected improvement by a Gaussian process, both as BoTorch has them."""
    import torch
    from botorch.acquisition import LogExpectedImprovement
    from botorch.fit import fit_gpytorch_mll
    from botorch.models import SingleTaskGP
    from botorch.models.kernels.categorical import CategoricalKernel
    from botorch.optim.optimize import optimize_acqf_discrete, optimize_acqf_discrete_local_search
    from gpytorch.mlls import ExactMarginalLogLikelihood

    torch.set_num_threads(1)
    torch.manual_seed(asked["seed"])
    x = torch.tensor(asked["points"], dtype=torch.float64)
    y = torch.tensor(asked["values"], dtype=torch.float64).unsqueeze(-1)
    kernel = CategoricalKernel(ard_num_dims=x.shape[1])
    model = SingleTaskGP(x, y, covar_module=kernel)
    fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
    gain = LogExpectedImprovement(model, best_f=y.max())
    if "candidates" in asked:
        choices = torch.tensor(asked["candidates"], dtype=torch.float64)
        best, _ = optimize_acqf_discrete(gain, q=1, choices=choices, max_batch_size=4096)
    else:
        each = [torch.arange(n, dtype=torch.float64) for n in asked["sizes"]]
        best, _ = optimize_acqf_discrete_local_search(
            gain, each, q=1, num_restarts=10, raw_samples=1024, X_avoid=x
        )
    return [int(v) for v in best[0].tolist()]
