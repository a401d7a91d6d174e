"""What PyTorch itself can tell without a GPU: schemas, fake tensors, torch.compile and autograd."""
import sys

import torch
from torch._subclasses.fake_tensor import FakeTensorMode

sys.path.insert(0, sys.argv[1])
import masks_curved
import masks_documents
import masks_heads
import masks_inputs
import masks_window


def tensors(batch, heads, kv_heads, queries, keys, dim, dtype=torch.float32, device="cuda", **options):
    shapes = [(batch, heads, queries, dim), (batch, kv_heads, keys, dim), (batch, kv_heads, keys, dim)]
    return [torch.empty(shape, dtype=dtype, device=device, **options) for shape in shapes]


def refused(words, call):
    try:
        call()
    except Exception as error:
        assert words in str(error), f"expected {words}\nfound    {error}"
    else:
        raise AssertionError(f"went through: {words}")


print(torch.ops.attnc.inputs.default._schema)
assert str(torch.ops.attnc.window.default._schema) == (
    "attnc::window(Tensor q, Tensor k, Tensor v, *, SymInt width=24, float? scale=None, bool return_lse=False) -> (Tensor, Tensor)"
)

with FakeTensorMode():
    q, k, v = tensors(2, 4, 2, 20, 45, 16)
    out, lse = masks_window.window(q, k, v, width=7, return_lse=True)
    assert (out.shape, out.dtype, out.device.type) == ((2, 4, 20, 16), torch.float32, "cuda")
    assert (lse.shape, lse.dtype) == ((2, 4, 20), torch.float32)
    ids = torch.empty(2, 45, dtype=torch.int32, device="cuda")
    q2, k2, v2 = tensors(2, 2, 1, 45, 45, 16)
    assert masks_documents.documents(q2, k2, v2, ids).shape == q2.shape
    refused("documents: doc: dtype: expected torch.int32, found torch.int64", lambda: masks_documents.documents(q2, k2, v2, ids.long()))
    refused("documents: doc: axis 0 (tokens): expected 45, found 44", lambda: masks_documents.documents(q2, k2, v2, torch.empty(44, dtype=torch.int32, device="cuda")))
    refused("window: v: axis 2 (keys): expected 44", lambda: masks_window.window(q, tensors(2, 4, 2, 20, 44, 16)[1], v))
    refused("window: q: stride of axis 2 (queries): expected 16, found 64", lambda: masks_window.window(torch.empty_strided((2, 4, 20, 16), (1280, 16, 64, 1), device="cuda"), k, v))
    refused("window: q: dtype: expected torch.float32, found torch.float16", lambda: masks_window.window(*(each.half() for each in (q, k, v))))

refused("window: q: device: expected cuda, found cpu", lambda: masks_window.window(*tensors(1, 4, 2, 3, 3, 16, device="cpu")))

# From here on in fake memory of the CPU: a PyTorch without CUDA knows no streams of fake devices.
# Autograd sees the operator and refuses when it is gone back through.
with FakeTensorMode():
    q, k, v = tensors(1, 4, 2, 20, 20, 16, device="cpu", requires_grad=True)
    refused("window has no backward pass yet", lambda: masks_window.window(q, k, v).sum().backward())

# Traced with lengths that are variables; the operator stays one node.
from torch.fx.experimental.proxy_tensor import make_fx

graph = make_fx(lambda q, k, v: masks_window.window(q * 2, k, v, width=5) + 1, tracing_mode="symbolic")(*tensors(2, 4, 2, 20, 45, 16, device="cpu"))
assert [node.target for node in graph.graph.nodes if node.target == torch.ops.attnc.window.default], graph.code

seen = []


def backend(module, inputs):
    seen.append([node.target for node in module.graph.nodes if node.op == "call_function"])
    return module.forward


compiled = torch.compile(lambda q, k, v: masks_window.window(q, k, v, return_lse=True), backend=backend, fullgraph=True)
# The graph is whole; only running it needs a GPU.
refused("window: q: device: expected cuda, found cpu", lambda: compiled(*tensors(2, 4, 2, 20, 45, 16, device="cpu")))
assert any(torch.ops.attnc.window in targets or torch.ops.attnc.window.default in targets for targets in seen), seen

# Packed bits, against bits taken one by one.
mask = torch.rand(2, 3, 5, 70) < 0.5
words = masks_inputs.pack_bits(mask)
assert words.shape == (2, 3, 5, 3) and words.dtype == torch.int32
columns = torch.arange(70)
assert torch.equal((words[..., columns // 32] >> (columns % 32)) & 1, mask.to(torch.int32))

print("all passed")
