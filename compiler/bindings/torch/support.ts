/** What every generated file has: how its library is made and loaded, and how tensors are checked. */
export const TORCH_SUPPORT = `
def _wrong(field, expected, found):
    return ValueError(f"{NAME}: {field}: expected {expected}, found {found}")


def _check(field, tensor, axes, dtypes, device):
    """Checks a tensor: axes are (name, size) from the outermost on; a size that is None may be any."""
    if not isinstance(tensor, torch.Tensor):
        raise TypeError(f"{NAME}: {field}: expected a tensor, found {type(tensor).__name__}")
    names = ", ".join(name for name, _ in axes)
    if tensor.dim() != len(axes):
        raise _wrong(field, f"{len(axes)} axes [{names}]", f"{tensor.dim()}: {list(tensor.shape)}")
    for i, (name, size) in enumerate(axes):
        if size is not None and tensor.shape[i] != size:
            raise _wrong(f"{field}: axis {i} ({name})", size, tensor.shape[i])
    if tensor.dtype not in dtypes:
        raise _wrong(f"{field}: dtype", " or ".join(str(dtype) for dtype in dtypes), tensor.dtype)
    if tensor.device != device:
        raise _wrong(f"{field}: device", device, tensor.device)
    stride = 1
    for i in reversed(range(len(axes))):
        if tensor.shape[i] != 1 and tensor.stride(i) != stride:
            hint = f"{tensor.stride(i)}: pass {field}.contiguous()"
            raise _wrong(f"{field}: stride of axis {i} ({axes[i][0]})", stride, hint)
        stride = stride * tensor.shape[i]


class _Sizes:
    """The lengths of a call, from its tensors."""

    def __init__(self, q, k, v):
        dtypes = tuple(dict.fromkeys(dtype for dtype, _, _ in KERNELS))
        _check("q", q, [("batch", None), ("heads", None), ("queries", None), ("head_dim", None)], dtypes, q.device)
        self.batch, self.heads, self.queries, self.head_dim = q.shape
        _check("k", k, [("batch", self.batch), ("kv_heads", None), ("keys", None), ("head_dim", self.head_dim)], (q.dtype,), q.device)
        _, self.kv_heads, self.keys, _ = k.shape
        _check("v", v, [("batch", self.batch), ("kv_heads", self.kv_heads), ("keys", self.keys), ("value_dim", None)], (q.dtype,), q.device)
        self.value_dim = v.shape[3]
        self.device = q.device
        if self.kv_heads < 1 or self.heads % self.kv_heads != 0:
            raise _wrong("k: axis 1 (kv_heads)", f"a divisor of {self.heads} heads", self.kv_heads)
        if SELF and self.queries > self.keys:
            raise _wrong("q: axis 2 (queries)", f"at most {self.keys}: the queries are the last of the keys", self.queries)
        dims = [(head_dim, value_dim) for dtype, head_dim, value_dim in KERNELS if dtype == q.dtype]
        if not any(self.head_dim == head_dim for head_dim, _ in dims):
            raise _wrong("q: axis 3 (head_dim)", f"{_any(head_dim for head_dim, _ in dims)} (see attnc build --dims)", self.head_dim)
        values = [value_dim for head_dim, value_dim in dims if self.head_dim == head_dim]
        if not any(self.value_dim == value_dim for value_dim in values):
            raise _wrong("v: axis 3 (value_dim)", _any(values), self.value_dim)


def _blocks(length, size):
    return -(-length // size)


def _any(numbers):
    return " or ".join(str(number) for number in dict.fromkeys(numbers))


def _check_input(field, tensor, sizes, inner, heads, dtype=None):
    """Checks an input: its leading axes, batch and heads (the latter where it has some), are given both or left out both."""
    leading = tensor.dim() - len(inner) if isinstance(tensor, torch.Tensor) else 0
    axes = list(inner)
    if leading > 0:
        batch = tensor.shape[0]
        if batch != 1 and batch != sizes.batch:
            raise _wrong(f"{field}: axis 0 (batch)", _any([1, sizes.batch]), batch)
        axes = [("batch", None), *([("heads", None)] if heads else []), *axes]
    _check(field, tensor, axes, (dtype or torch.int32,), sizes.device)
    count = tensor.shape[1] if heads and leading > 0 else 1
    if count != 1 and count != sizes.kv_heads and count != sizes.heads:
        raise _wrong(f"{field}: axis 1 (heads)", _any([1, sizes.kv_heads, sizes.heads]), count)


def _input(tensor, inner, entries=0, indices=None):
    """An input as the library takes it, from a tensor that has been checked."""
    leading = tensor.dim() > inner
    return _Input(
        data=tensor.data_ptr(),
        batch=tensor.shape[0] if leading else 1,
        heads=tensor.shape[1] if leading and tensor.dim() - inner == 2 else 1,
        entries=entries,
        indices=None if indices is None else indices.data_ptr(),
        index_count=0 if indices is None else indices.numel(),
    )


def _nvcc():
    named = os.environ.get("ATTNC_NVCC")
    if named:
        return named
    homes = [os.environ.get("CUDA_HOME"), os.environ.get("CUDA_PATH"), "/usr/local/cuda"]
    for path in [*(os.path.join(home, "bin", "nvcc") for home in homes[:2] if home), shutil.which("nvcc"), "/usr/local/cuda/bin/nvcc"]:
        if path and os.access(path, os.X_OK):
            return path
    raise RuntimeError(
        f"{NAME}: expected nvcc, which compiles {SOURCE} at its first use; found none in CUDA_HOME, PATH or /usr/local/cuda. "
        "Install the CUDA toolkit, or let ATTNC_NVCC name its nvcc."
    )


def _run(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{NAME}: {' '.join(command)} failed:\\n{done.stdout}{done.stderr}")
    return done.stdout


def _cache():
    """A folder for compiled libraries that only this user can write."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    folder = os.path.join(base, "attnc")
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError:
        return tempfile.mkdtemp(prefix="attnc-")


def _build(architecture):
    """The path of the library for an architecture, compiled unless an earlier run has done it."""
    nvcc = _nvcc()
    source = pathlib.Path(__file__).with_name(SOURCE)
    options = ["-shared", "-Xcompiler", "-fPIC", "-O3", "-std=c++17", f"-gencode=arch=compute_{architecture},code=sm_{architecture}"]
    what = "\\0".join([_run([nvcc, "--version"]), *options]).encode() + source.read_bytes()
    folder = _cache()
    library = os.path.join(folder, f"{NAME}-{hashlib.sha256(what).hexdigest()[:32]}.so")
    if not os.path.exists(library):
        # Moved to its place in one step: who finds it finds it whole.
        with tempfile.TemporaryDirectory(dir=folder) as making:
            made = os.path.join(making, "library.so")
            _run([nvcc, *options, "-o", made, str(source)])
            os.replace(made, library)
    return library


_libraries = {}
_loading = threading.Lock()


def _library(device):
    major, minor = torch.cuda.get_device_capability(device)
    number = 10 * major + minor
    architecture = f"{number}a" if number in ARCHITECTURES_ALONE else str(number)
    with _loading:
        if architecture not in _libraries:
            library = ctypes.CDLL(_build(architecture))
            for function, result, arguments in FUNCTIONS:
                bound = getattr(library, f"attnc_{NAME}_{function}")
                bound.restype, bound.argtypes = result, arguments
            _libraries[architecture] = library
        return _libraries[architecture]


def _call(library, status):
    if status == 0:
        return
    message = f"{NAME}: {getattr(library, f'attnc_{NAME}_error')().decode()}"
    raise ValueError(message) if status == 1 else RuntimeError(message)


def _launch(call, q, k, v, scale, return_lse, sizes, library):
    """Fills what all calls have, and puts the kernels on PyTorch's current stream."""
    out = torch.empty((sizes.batch, sizes.heads, sizes.queries, sizes.value_dim), dtype=q.dtype, device=q.device)
    lse = torch.empty((sizes.batch, sizes.heads, sizes.queries) if return_lse else (0,), dtype=torch.float32, device=q.device)
    for field in ("batch", "heads", "kv_heads", "queries", "keys", "head_dim", "value_dim"):
        setattr(call, field, getattr(sizes, field))
    call.q, call.k, call.v, call.out = (tensor.data_ptr() for tensor in (q, k, v, out))
    call.lse = lse.data_ptr() if return_lse else None
    call.dtype = DTYPES[q.dtype]
    if scale is not None:
        call.scale = scale
    workspace_bytes = ctypes.c_size_t()
    _call(library, getattr(library, f"attnc_{NAME}_workspace")(ctypes.byref(call), ctypes.byref(workspace_bytes)))
    # Freed to PyTorch's allocator when this returns, which gives it out again in the order of the stream.
    workspace = torch.empty((workspace_bytes.value,), dtype=torch.uint8, device=q.device)
    call.workspace, call.workspace_bytes = workspace.data_ptr() if workspace_bytes.value > 0 else None, workspace_bytes.value
    stream = torch.cuda.current_stream(q.device).cuda_stream
    _call(library, getattr(library, f"attnc_{NAME}_launch")(ctypes.byref(call), stream))
    return out, lse
`;

/** For operators with selections. */
export const SELECTIONS = `

def _reused(field, tensor, columns, sizes, heads, rows):
    """The address of a selection that is given back, checked, and its columns."""
    if tensor is None:
        return None, 0
    _check(field, tensor, [("batch", sizes.batch), ("heads", heads), ("rows", rows), ("words", _blocks(columns, 32))], (torch.int32,), sizes.device)
    return tensor.data_ptr(), columns


def _selected(shape, wanted, q):
    return torch.empty(shape if wanted else (0,), dtype=torch.int32, device=q.device)
`;

/** For operators with inputs of floats. */
export const FLOATS = `

def _floats(tensor, inner):
    """An input of floats as the library takes it, from a tensor that has been checked."""
    leading = tensor.dim() > inner
    return _Floats(
        data=tensor.data_ptr(),
        batch=tensor.shape[0] if leading else 1,
        heads=tensor.shape[1] if leading and tensor.dim() - inner == 2 else 1,
    )
`;

/** For operators with inputs of packed bits. */
export const PACK_BITS = `

def pack_bits(mask):
    """A tensor of truths [..., rows, columns] as the inputs of bits take it: rows of int32 words, the lowest bit first."""
    bits = torch.nn.functional.pad(mask.to(torch.int64), (0, -mask.shape[-1] % 32))
    words = (bits.unflatten(-1, (-1, 32)) << torch.arange(32, device=mask.device)).sum(-1)
    return torch.where(words < 2**31, words, words - 2**32).to(torch.int32)
`;
