export { default } from './fast.js'
