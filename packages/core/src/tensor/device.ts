import { native } from '../binding/native.js'
import { DeviceError, describe } from '../errors.js'

/**
 * Where a tensor lives. `'cuda'` is the current CUDA device, `'cuda:1'` the second. `'meta'` has shapes and no data;
 * `'debug'` runs the CPU's kernels on a queue of its own, with memory that the host cannot read, to test code for
 * asynchronous devices without having one.
 */
export type Device = 'cpu' | 'meta' | 'debug' | 'cuda' | `cuda:${number}`

/** The native code of the first CUDA device (kCudaDevice in native/include/flambeau/backend.h). */
const CUDA = 2

/** The native code of each device; meta tensors have no native storage. CUDA's come as they are named. */
export const DEVICE_CODES: Record<Device, number> = { cpu: 0, debug: 1, meta: -1, cuda: CUDA }

/** The CUDA device that `'cuda'` stands for, whether `setDevice` has chosen it, and what is to be done with one that is first named. */
export const current: { cuda: number; chosen: boolean; prepare: ((device: Device) => void) | null } = {
  cuda: 0,
  chosen: false,
  prepare: null,
}

export const isCuda = (device: Device): boolean => device.startsWith('cuda')

/** Whether a string is the name of a device, there or not. */
export const isDeviceName = (value: string): value is Device => value in DEVICE_CODES || /^cuda:\d+$/.test(value)

/** The device by its full name: a tensor's device is `'cuda:0'`, not `'cuda'`. */
export function checkDevice(operation: string, value: unknown): Device {
  if (typeof value === 'string' && isDeviceName(value)) {
    if (!isCuda(value)) return value
    const index = value === 'cuda' ? current.cuda : Number(value.slice('cuda:'.length))
    const { devices, reason } = native.cuda()
    if (devices === 0) throw new DeviceError(`${operation}: cuda is not available: ${reason}`)
    if (index >= devices)
      throw new DeviceError(`${operation}: expected a CUDA device below ${devices}, got ${describe(value)}`)
    const name: Device = `cuda:${index}`
    if (DEVICE_CODES[name] === undefined) {
      DEVICE_CODES[name] = CUDA + index
      current.prepare?.(name)
    }
    return name
  }
  throw new DeviceError(
    `${operation}: expected a device (${Object.keys(DEVICE_CODES).join(', ')}), got ${describe(value)}`,
  )
}

/** The native code of a device, which a tensor from another thread may bring along for the first time. */
export const deviceCode = (device: Device): number =>
  DEVICE_CODES[device] ?? DEVICE_CODES[checkDevice('allocate', device)]

let defaultDevice: Device = 'cpu'

/** The device of new tensors; `'cpu'` unless changed. */
export const getDefaultDevice = (): Device => defaultDevice

/** Sets the device of new tensors. */
export function setDefaultDevice(device: Device): void {
  defaultDevice = checkDevice('setDefaultDevice', device)
}
