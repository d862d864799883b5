/** Where programs run: the CPU, which needs nothing, or a graphics card through the runtime's other providers. */
import { availableParallelism } from "node:os";
import { z } from "zod";
import { TillerError } from "@tiller/schema";

export const devices = ["cpu", "cuda", "webgpu", "auto"] as const;
export type Device = (typeof devices)[number];

const remedies: Readonly<Record<Exclude<Device, "cpu" | "auto">, string>> = {
  cuda: "It needs an NVIDIA card with CUDA 12 and cuDNN 9, and the runtime's CUDA files, which npm ci leaves out: run `node node_modules/onnxruntime-node/script/install.js --onnxruntime-node-install=cuda12`.",
  webgpu: "It needs a graphics card with a Vulkan, Metal or DirectX 12 driver.",
};

/** How many threads a program uses: TILLER_THREADS, or as many as the machine runs at once. */
export function threads(): number {
  const asked = process.env["TILLER_THREADS"] ?? availableParallelism();
  const parsed = z.coerce.number().int().min(1).max(1024).safeParse(asked);
  if (!parsed.success)
    throw new TillerError(
      "bad_threads",
      `TILLER_THREADS is ${asked}. Give a whole number from 1, or leave it out for all ${availableParallelism()}.`,
    );
  return parsed.data;
}

/** What TILLER_DEVICE or --device asks for; default: cpu. */
export function askedDevice(): Device {
  const asked = process.env["TILLER_DEVICE"] ?? "cpu";
  const parsed = z.enum(devices).safeParse(asked);
  if (!parsed.success)
    throw new TillerError(
      "bad_device",
      `there is no device ${asked}; there are ${devices.join(", ")}. Set TILLER_DEVICE or --device to one of them.`,
    );
  return parsed.data;
}

/**
 * Adds the asked provider with `add`, which throws where it is absent. `auto` takes the first of cuda and webgpu that is
 * there, else the CPU; another device that is absent is an error with what it needs.
 */
let automatic: Device | undefined; // found out once a process
export function useDevice(asked: Device, add: (device: "cuda" | "webgpu") => void): Device {
  if (asked === "auto") {
    if (automatic === "cpu") return automatic;
    if (automatic) asked = automatic;
  }
  if (asked === "cpu") return asked;
  for (const device of asked === "auto" ? (["cuda", "webgpu"] as const) : [asked])
    try {
      add(device);
      if (asked === "auto") automatic = device;
      return device;
    } catch (cause) {
      if (asked === "auto") continue;
      throw new TillerError(
        "no_device",
        `${device} cannot be used here: ${(cause as Error).message}. ${remedies[device]} Or leave the device out: the CPU needs nothing.`,
        { cause },
      );
    }
  return (automatic = "cpu");
}
