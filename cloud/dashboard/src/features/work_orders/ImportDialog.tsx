import { Button, FileInput, Group, Modal, Stack, Table, Text } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";

import { act, ApiError } from "@/api/client";
import { keys } from "@/api/queries";
import type { WorkOrderCreation } from "@/api/schema";
import { useSpoken } from "@/app/language";
import { Refusal } from "@/app/Trouble";
import { rowErrors } from "@/features/work_orders/row_errors";

/** Upload a spreadsheet; all of it is taken, or nothing, with every row's reason. */
export function ImportDialog({ opened, close }: { opened: boolean; close: () => void }) {
  const { t } = useSpoken();
  const [file, setFile] = useState<File | null>(null);
  const client = useQueryClient();
  const navigate = useNavigate();
  const take = useMutation({
    mutationFn: (sheet: File) => {
      const form = new FormData();
      form.append("file", sheet);
      return act<WorkOrderCreation>("/work-orders/import", form);
    },
    onSuccess: async (made) => {
      await client.invalidateQueries({ queryKey: keys.workOrders });
      await navigate({ to: "/work-orders/$workOrderId", params: { workOrderId: made.work_order_id } });
    },
  });
  const rows = take.error instanceof ApiError ? rowErrors(take.error.details) : [];
  return (
    <Modal opened={opened} onClose={close} title={<b>{t("import.title")}</b>} size="lg" centered closeButtonProps={{ "aria-label": t("common.close") }}>
      <Stack>
        <Text>{t("import.text")}</Text>
        <a className="k-link" href="/api/v1/work-orders/template.xlsx" download>{t("import.template")}</a>
        <FileInput
          label={t("import.file")}
          placeholder={t("import.choose")}
          accept=".xlsx,.csv"
          value={file}
          clearable
          onChange={(next) => { setFile(next); take.reset(); }}
        />
        {take.error ? <Refusal error={take.error} /> : null}
        {rows.length > 0 ? (
          <Table.ScrollContainer minWidth={360} mah={280}>
            <Table striped>
              <Table.Thead>
                <Table.Tr><Table.Th>{t("import.row")}</Table.Th><Table.Th>{t("import.column")}</Table.Th><Table.Th>{t("import.reason")}</Table.Th></Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {rows.map((row, index) => (
                  <Table.Tr key={index}><Table.Td>{row.row || "–"}</Table.Td><Table.Td>{row.column || "–"}</Table.Td><Table.Td>{row.reason}</Table.Td></Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
          </Table.ScrollContainer>
        ) : null}
        <Group justify="flex-end">
          <Button variant="default" onClick={close}>{t("common.cancel")}</Button>
          <Button disabled={!file} loading={take.isPending} onClick={() => { if (file) take.mutate(file); }}>{t("import.take")}</Button>
        </Group>
      </Stack>
    </Modal>
  );
}
