// The namespace `optim.lrScheduler`.
export * from './annealing.js'
export * from './composed.js'
export * from './schedules.js'
export {
  LRScheduler,
  type ScheduledGroup,
  type ScheduledOptimizer,
  type SchedulerOptions,
  type SchedulerState,
} from './scheduler.js'
