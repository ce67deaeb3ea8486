import { DeviceError, describe } from '../errors.js'

/**
 * Where a tensor lives. `'meta'` has shapes and no data; `'debug'` runs the CPU's kernels on a queue of its own, with
 * memory that the host cannot read, to test code for asynchronous devices without having one.
 */
export type Device = 'cpu' | 'meta' | 'debug'

/** The native code of each device; meta tensors have no native storage. */
export const DEVICE_CODES: { readonly [D in Device]: number } = { cpu: 0, debug: 1, meta: -1 }

export function checkDevice(operation: string, value: unknown): Device {
  if (typeof value === 'string' && value in DEVICE_CODES) return value as Device
  throw new DeviceError(
    `${operation}: expected a device (${Object.keys(DEVICE_CODES).join(', ')}), got ${describe(value)}`,
  )
}

let defaultDevice: Device = 'cpu'

/** The device of new tensors; `'cpu'` unless changed. */
export const getDefaultDevice = (): Device => defaultDevice

/** Sets the device of new tensors. */
export function setDefaultDevice(device: Device): void {
  defaultDevice = checkDevice('setDefaultDevice', device)
}
