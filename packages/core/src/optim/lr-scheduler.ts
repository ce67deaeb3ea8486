// The namespace `optim.lrScheduler`.
export * from './annealing.js'
export * from './composed.js'
export {
  LRScheduler,
  type ScheduledGroup,
  type ScheduledOptimizer,
  type SchedulerOptions,
  type SchedulerState,
} from './scheduler.js'
export * from './schedules.js'
