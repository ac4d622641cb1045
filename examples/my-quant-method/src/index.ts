export { default } from './method.js'
