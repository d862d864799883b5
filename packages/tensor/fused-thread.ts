/** A thread that helps `fusedAdamW`: it sleeps until the bell rings, then takes grains of the steps that were sent. */
import { type MessagePort, receiveMessageOnPort, workerData } from "node:worker_threads";
import koffi from "koffi";
import { work } from "./fused-kernel.ts";
import type { Sent } from "./fused.ts";

type Four = [Float32Array, Float32Array, Float32Array, Float32Array];
const { port, bell } = workerData as { readonly port: MessagePort; readonly bell: Int32Array };
for (let heard = 0; ;) {
  Atomics.wait(bell, 0, heard);
  heard = Atomics.load(bell, 0);
  for (let sent = receiveMessageOnPort(port); sent; sent = receiveMessageOnPort(port)) {
    const { at, values, counters } = sent.message as Sent;
    const array = ([address, bytes]: (typeof at)[number]) =>
      new Float32Array(koffi.view(address, bytes));
    work(
      values.map((values, i) => {
        const [w, m, v, g] = at.slice(4 * i, 4 * i + 4).map(array) as Four;
        return { w, m, v, g, values };
      }),
      counters,
    );
  }
}
