import { AttnError } from "../launch/errors.js";

/** What to do about errors of the driver, by their names. */
const REMEDIES: Readonly<Record<string, string>> = {
  CUDA_ERROR_INVALID_VALUE: "This is a bug of attnc or of a pointer or stream handed to it: check those, and report it if they are right.",
  CUDA_ERROR_OUT_OF_MEMORY: "Split the call by batch entries, or free memory of the device.",
  CUDA_ERROR_NOT_INITIALIZED: "Open the device before the process forks, and again in the child.",
  CUDA_ERROR_DEINITIALIZED: "The process is ending: finish launches before it does.",
  CUDA_ERROR_NO_DEVICE: "Check that nvidia-smi lists a GPU, and that CUDA_VISIBLE_DEVICES does not hide it.",
  CUDA_ERROR_INVALID_DEVICE: "Check that nvidia-smi lists a GPU, and that CUDA_VISIBLE_DEVICES does not hide it.",
  CUDA_ERROR_INVALID_CONTEXT: "Another library of this process has reset the device: open it again.",
  CUDA_ERROR_CONTEXT_IS_DESTROYED: "Another library of this process has reset the device: open it again.",
  CUDA_ERROR_INVALID_IMAGE: "The cubin is none: give one that nvcc --cubin made, or none.",
  CUDA_ERROR_NO_BINARY_FOR_GPU: "The cubin is for another architecture: compile it with nvcc -arch for this device, or give none.",
  CUDA_ERROR_UNSUPPORTED_PTX_VERSION: "The compiler is newer than the driver: update the driver, or use the toolkit that came with it.",
  CUDA_ERROR_NOT_FOUND: "The code was made from another source: compile it again from this build.",
  CUDA_ERROR_SYSTEM_NOT_READY: "The system's GPU services are still starting (nvidia-fabricmanager): try again, or look at their log.",
  CUDA_ERROR_SYSTEM_DRIVER_MISMATCH:
    "The driver's library and the kernel module differ: restart the machine after an update of the driver.",
  CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE: "Update the driver: its compatibility package does not serve this GPU.",
  CUDA_ERROR_ILLEGAL_ADDRESS: "A kernel left its tensors: check pointers and sizes; the device must be opened again.",
  CUDA_ERROR_LAUNCH_TIMEOUT: "A GPU that also drives a display stops long kernels: make the batch smaller.",
  CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES: "The kernel needs more registers or shared memory than the device has: choose another by name.",
  CUDA_ERROR_LAUNCH_FAILED: "The kernel failed and the device must be opened again; report it with the device's name.",
  CUDA_ERROR_NOT_SUPPORTED: "The device or the driver lacks this: update the driver, or choose another kernel by name.",
};

const UNKNOWN = "Look the name up in the CUDA driver API's list of errors; report it if the call was right.";

/** The error for a call of the driver that failed. `name` and `text` are the driver's own. */
export function driverError(call: string, name: string, text: string): AttnError {
  const noDevice = name === "CUDA_ERROR_NO_DEVICE" || name === "CUDA_ERROR_INVALID_DEVICE";
  return new AttnError(noDevice ? "ATTN5302" : "ATTN5303", {
    field: "device",
    expected: noDevice ? "a GPU that CUDA can use" : `${call} of the CUDA driver to succeed`,
    found: noDevice ? `${name} from ${call}` : text === "" ? name : `${name} (${text})`,
    remedy: REMEDIES[name] ?? UNKNOWN,
  });
}
