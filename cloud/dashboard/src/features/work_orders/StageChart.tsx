import { useComputedColorScheme } from "@mantine/core";
import { BarChart } from "echarts/charts";
import { GridComponent } from "echarts/components";
import { init, use as take, type EChartsType } from "echarts/core";
import { SVGRenderer } from "echarts/renderers";
import { useEffect, useRef } from "react";

import type { WorkOrder } from "@/api/schema";
import { useSpoken } from "@/app/language";
import { useTimes } from "@/app/times";
import { stageLoads } from "@/features/work_orders/stage_loads";

take([BarChart, GridComponent, SVGRenderer]);

/** Middle cycle time of each step, with the number of pieces that wait there. */
export default function StageChart({ order }: { order: WorkOrder }) {
  const { t, name } = useSpoken();
  const { duration } = useTimes();
  const scheme = useComputedColorScheme("light");
  const host = useRef<HTMLDivElement>(null);
  const chart = useRef<EChartsType | null>(null);

  useEffect(() => {
    if (!host.current) return;
    const made = init(host.current, null, { renderer: "svg" });
    chart.current = made;
    const watcher = new ResizeObserver(() => { made.resize(); });
    watcher.observe(host.current);
    return () => {
      watcher.disconnect();
      made.dispose();
      chart.current = null;
    };
  }, []);

  useEffect(() => {
    const style = getComputedStyle(document.documentElement);
    const ink = style.getPropertyValue("--mantine-color-text").trim();
    const loads = stageLoads(order);
    chart.current?.setOption({
      textStyle: { fontFamily: style.getPropertyValue("--mantine-font-family"), color: ink },
      grid: { left: 4, right: 180, top: 8, bottom: 4, containLabel: true },
      xAxis: { type: "value", show: false },
      yAxis: {
        type: "category",
        inverse: true,
        data: loads.map((load) => name("stage", load.stage)),
        axisLine: { show: false },
        axisTick: { show: false },
        axisLabel: { color: ink, fontSize: 15, fontWeight: 600 },
      },
      series: [
        {
          type: "bar",
          barWidth: 22,
          barMinHeight: 3,
          itemStyle: { borderRadius: 6 },
          data: loads.map((load) => ({
            value: load.median_s ?? 0,
            itemStyle: { color: load.isBottleneck ? style.getPropertyValue("--k-review").trim() : scheme === "dark" ? "#41999e" : "#1f7378" },
          })),
          label: {
            show: true,
            position: "right",
            color: ink,
            fontSize: 14,
            formatter: ({ dataIndex }: { dataIndex: number }) => {
              const load = loads[dataIndex];
              if (!load) return "";
              const time = load.median_s === null ? t("work_order.no_cycles") : duration(load.median_s);
              return load.queue > 0 ? `${time}  ·  ${t("work_order.queue", { count: load.queue })}` : time;
            },
          },
        },
      ],
    });
  }, [order, scheme, name, duration, t]);

  return <div ref={host} role="img" aria-label={t("work_order.times")} style={{ height: 44 + 46 * order.steps.length }} />;
}
