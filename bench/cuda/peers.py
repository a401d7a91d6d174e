"""What PyTorch itself has: scaled_dot_product_attention by backend, and FlexAttention."""

import time

import torch

from masks import BY_HEAD, mask_of, wrong_row
from measure import Contestant

# Masks that scaled_dot_product_attention expresses without a table of pairs.
DENSE = {"causal": True, "all": False}


def sdpa(row, sets):
    """One contestant for each backend that is worth comparing with, where it can express the row."""
    if row["mask"]["kind"] not in DENSE:
        return []
    from torch.nn.attention import SDPBackend, sdpa_kernel

    is_causal = DENSE[row["mask"]["kind"]]
    grouped = {"enable_gqa": True} if row["kvHeads"] != row["heads"] else {}

    def with_backend(backend):
        def call(i):
            with sdpa_kernel([backend]):
                return torch.nn.functional.scaled_dot_product_attention(*sets[i], is_causal=is_causal, **grouped)

        return call

    backends = [("SDPA cuDNN", "CUDNN_ATTENTION"), ("SDPA flash", "FLASH_ATTENTION")]
    return [Contestant(name, with_backend(getattr(SDPBackend, each)), sets) for name, each in backends if hasattr(SDPBackend, each)]


class BlockMask:
    """FlexAttention's table of blocks for a row, with the time and memory that making it takes."""

    def __init__(self, row, device):
        from torch.nn.attention import flex_attention as flex

        self.mask = mask_of(row, device)
        wrong = wrong_row(row, self.mask, device)
        if wrong is not None:
            raise AssertionError(wrong)
        heads = row["heads"] if row["mask"]["kind"] in BY_HEAD else None
        length = row["length"]

        def make(create):
            return create(self.mask, None, heads, length, length, device=device)

        self.how = "compiled"
        try:
            create = torch.compile(flex.create_block_mask, dynamic=False)
            make(create)
        except Exception as error:  # noqa: BLE001: then as it is without the compiler
            self.how = f"eager: compiled it ended in {type(error).__name__}"
            torch.cuda.empty_cache()
            create = flex.create_block_mask
            make(create)
        # The first ones held the compiler's own time.
        make(create)
        times = []
        for _ in range(3):
            self.made = None
            torch.cuda.synchronize()
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
            before = torch.cuda.memory_allocated()
            start = time.monotonic()
            self.made = make(create)
            torch.cuda.synchronize()
            times.append((time.monotonic() - start) * 1000)
        self.milliseconds = sorted(times)[1]
        self.peak_bytes = torch.cuda.max_memory_allocated() - before
        self.kept_bytes = torch.cuda.memory_allocated() - before


def flex(row, sets, block_mask, autotune):
    """FlexAttention as its documentation says to call it: compiled, for these shapes."""
    from torch.nn.attention.flex_attention import flex_attention

    mode = {"mode": "max-autotune-no-cudagraphs"} if autotune else {}
    compiled = torch.compile(flex_attention, dynamic=False, fullgraph=True, **mode)
    grouped = {"enable_gqa": True} if row["kvHeads"] != row["heads"] else {}

    def call(i):
        return compiled(*sets[i], block_mask=block_mask.made, **grouped)

    return Contestant("FlexAttention max-autotune" if autotune else "FlexAttention", call, sets)


def forget():
    """Between rows: every mask is a new function, and PyTorch gives up compiling after some."""
    torch._dynamo.reset()
    torch.cuda.empty_cache()
