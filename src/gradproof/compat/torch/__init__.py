"""
Drop-ins for `torch.autograd.gradcheck` and `torch.autograd.gradgradcheck`.

The same arguments, return values and exceptions; without a tolerance that has to be tuned.
"""

try:
    import torch as _  # noqa: F401
except ImportError as err:
    msg = 'gradproof.compat.torch needs PyTorch: pip install "gradproof[torch]"'
    raise ImportError(msg) from err

from torch.autograd.gradcheck import GradcheckError

from .first_order import gradcheck
from .second_order import gradgradcheck

__all__ = ["GradcheckError", "gradcheck", "gradgradcheck"]
