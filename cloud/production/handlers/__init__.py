"""One function per command and query of production."""

from cloud.commands.command import Command, Query
from cloud.commands.ports import Handler
from cloud.production import commands, queries
from cloud.production.handlers import decisions, labels, package, steps, views, work_orders

COMMANDS: dict[type[Command], Handler] = {
    commands.CreateWorkOrder: work_orders.create_work_order,
    commands.ImportWorkOrder: work_orders.import_work_order,
    commands.StartStep: steps.start_step,
    commands.FinishStep: steps.finish_step,
    commands.CorrectDesign: decisions.correct_design,
    commands.OrderRework: decisions.order_rework,
    commands.DecidePiece: decisions.decide_piece,
    commands.OverrideStepOrder: decisions.override_step_order,
}
QUERIES: dict[type[Query], Handler] = {
    queries.WorkPackageContents: package.work_package_contents,
    queries.ListWorkOrders: views.list_work_orders,
    queries.FindSpec: views.find_spec,
    queries.FindWorkOrder: views.find_work_order,
    queries.ReadWorkOrders: views.read_work_orders,
    queries.FindPiece: views.find_piece,
    queries.FloorPieces: views.floor_pieces,
    queries.ProductionTimes: views.production_times,
    queries.LabelsOf: labels.labels_of,
    queries.PrintLabels: labels.print_labels,
    queries.ReadStages: views.read_stages,
    queries.ReadGuidePicture: views.read_guide_picture,
    queries.DrawTemplate: work_orders.draw_template,
}
