export function ProgressBar({ done, all }: { done: number; all: number }) {
  const share = all > 0 ? (100 * done) / all : 0;
  return (
    <div role="progressbar" aria-valuenow={done} aria-valuemin={0} aria-valuemax={all}
      style={{ height: 8, borderRadius: 8, background: "var(--k-sunken)", overflow: "hidden" }}>
      <div style={{ width: `${share}%`, height: "100%", borderRadius: 8, background: "var(--mantine-color-petrol-6)" }} />
    </div>
  );
}
