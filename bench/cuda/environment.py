"""The device and the versions that results depend on."""

import datetime
import os
import shutil
import subprocess

import torch


def architecture():
    """The compute capability times ten. Ends the script where there is no device."""
    if not torch.cuda.is_available():
        raise SystemExit("PyTorch finds no CUDA device: --dry-run prints the plan without one")
    major, minor = torch.cuda.get_device_capability()
    return 10 * major + minor


def device():
    return torch.device("cuda", torch.cuda.current_device())


def workers():
    return max(1, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def output_of(command):
    path = shutil.which(command[0])
    if path is None:
        return None
    done = subprocess.run([path, *command[1:]], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


def facts():
    properties = torch.cuda.get_device_properties(0)
    nvcc = output_of(["nvcc", "--version"]) or ""
    try:
        import triton

        triton_version = triton.__version__
    except ImportError:
        triton_version = None
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "device": properties.name,
        "environment": {
            "driver": output_of(["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]),
            "nvcc": nvcc.splitlines()[-1] if nvcc else None,
            "CUDA of PyTorch": torch.version.cuda,
            "PyTorch": torch.__version__,
            "cuDNN": str(torch.backends.cudnn.version()),
            "Triton": triton_version,
            "multiprocessors": str(properties.multi_processor_count),
            "memory, GiB": f"{properties.total_memory / 2**30:.0f}",
        },
    }


def device_is_broken():
    """Whether an error stays with the process, as after an illegal address: then nothing more can be run in it."""
    try:
        torch.cuda.synchronize()
        torch.zeros(1, device="cuda").item()
        return False
    except RuntimeError:
        return True
