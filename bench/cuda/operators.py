"""Generated operators of PyTorch, loaded from the prepared folder, and launches into buffers with guards."""

import concurrent.futures
import importlib.util
import os

import torch

DTYPES = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}
BITS = {torch.float32: torch.int32, torch.float16: torch.int16, torch.bfloat16: torch.int16}

# Elements before and behind a tensor that nobody may write, and that hold no numbers: a multiple of 16 bytes.
GUARD = 4096


def load(folder, stem):
    """A generated file as a module. Its library is compiled at the first use unless `build` was called before."""
    spec = importlib.util.spec_from_file_location(stem, os.path.join(folder, f"{stem}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def function(module):
    return getattr(module, module.NAME)


def architecture_of(module, number):
    """What the generated file compiles for on a device of this compute capability, times ten."""
    return f"{number}a" if number in module.ARCHITECTURES_ALONE else str(number)


def build(modules, number, workers, budget):
    """Compiles all libraries side by side, by the way that the generated files do it. Returns what failed, by stem."""
    failures = {}

    def one(stem, module):
        if budget.left() < 0:
            raise RuntimeError("no time was left to compile it")
        module._build(architecture_of(module, number))

    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        waiting = {pool.submit(one, stem, module): stem for stem, module in modules.items()}
        for done in concurrent.futures.as_completed(waiting):
            if done.exception() is not None:
                failures[waiting[done]] = str(done.exception())
    return failures


class Guarded:
    """A tensor between guards; all of it is poisoned before it is used."""

    def __init__(self, shape, dtype, device, poison=None):
        count = 1
        for size in shape:
            count *= size
        # The end of the tensor is where its numbers end, not where a page does.
        self.whole = torch.empty(count + 2 * GUARD, dtype=dtype, device=device)
        self.whole.fill_(float("nan") if dtype.is_floating_point else -1)
        self.before = self.whole[:GUARD].clone()
        self.tensor = self.whole[GUARD : GUARD + count].view(shape)
        if poison is not None:
            self.tensor.copy_(poison)

    def broken(self):
        """The first element of the guards that has been written, as text, or None. Compares bits: the guards are NaN."""
        bits = BITS.get(self.whole.dtype, self.whole.dtype)
        end = self.whole.numel() - GUARD
        for name, part in (("before the start", self.whole[:GUARD]), ("beyond the end", self.whole[end:])):
            wrong = (part.view(bits) != self.before.view(bits)).nonzero()
            if wrong.numel() > 0:
                return f"element {int(wrong[0, 0])} {name}"
        return None


def guard_launches(module):
    """Lets a module's launches write into guarded, poisoned buffers. Returns the list in which each call's buffers are put."""
    calls = []

    def launch(call, q, k, v, scale, return_lse, sizes, library):
        ctypes = module.ctypes
        out = Guarded((sizes.batch, sizes.heads, sizes.queries, sizes.value_dim), q.dtype, q.device)
        lse = Guarded((sizes.batch, sizes.heads, sizes.queries), torch.float32, q.device)
        for field in ("batch", "heads", "kv_heads", "queries", "keys", "head_dim", "value_dim"):
            setattr(call, field, getattr(sizes, field))
        call.q, call.k, call.v, call.out = (tensor.data_ptr() for tensor in (q, k, v, out.tensor))
        call.lse = lse.tensor.data_ptr() if return_lse else None
        call.dtype = module.DTYPES[q.dtype]
        if scale is not None:
            call.scale = scale
        size = ctypes.c_size_t()
        module._call(library, getattr(library, f"attnc_{module.NAME}_workspace")(ctypes.byref(call), ctypes.byref(size)))
        workspace = Guarded((size.value // 4,), torch.int32, q.device)
        call.workspace, call.workspace_bytes = workspace.tensor.data_ptr() if size.value > 0 else None, size.value
        stream = torch.cuda.current_stream(q.device).cuda_stream
        module._call(library, getattr(library, f"attnc_{module.NAME}_launch")(ctypes.byref(call), stream))
        calls.append({"out": out, "lse": lse, "workspace": workspace})
        return out.tensor.clone(), lse.tensor.clone() if return_lse else lse.tensor[:0, :0, :0].reshape(0)

    module._launch = launch
    return calls
