/** Takes an exported experiment in, as it is and without reading it into memory, and goes to it. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useRef } from "react";
import { api, keyOf } from "../api.ts";

export function ImportButton() {
  const picker = useRef<HTMLInputElement>(null);
  const navigate = useNavigate();
  const client = useQueryClient();
  const taking = useMutation({
    mutationFn: (file: File) => api.importTrace({ body: file }),
    onSuccess: async ({ experiment }) => {
      await client.invalidateQueries({ queryKey: keyOf("listExperiments") });
      await navigate({
        to: "/studio/experiments/$id/trace",
        params: { id: experiment },
        search: {},
      });
    },
  });
  return (
    <>
      {taking.error && (
        <span role="alert" className="small experiment-bad">
          {taking.error.message}
        </span>
      )}
      <input
        ref={picker}
        type="file"
        accept=".html"
        hidden
        aria-label="Exported experiment"
        onChange={(e) => {
          const file = e.target.files?.[0];
          if (file) taking.mutate(file);
          e.target.value = "";
        }}
      />
      <button
        className="button"
        disabled={taking.isPending}
        onClick={() => picker.current?.click()}
      >
        {taking.isPending ? "Opening…" : "Open an exported trace"}
      </button>
    </>
  );
}
